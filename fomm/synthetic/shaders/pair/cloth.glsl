// Hats and scarves. rest: turn around the head, height, depth. mask: colour; 0 plain, 1 ribbed, 2 checked.
Paint paint(vec3 n) {
    float thread = .82 + .36 * noise(vec3(rest.x * 40., rest.yz * 260.));
    float ribs = .72 + .28 * abs(sin(rest.x * 44.));
    float checks = .62 + .38 * step(0., sin(rest.x * 22.)) * step(0., sin(rest.y * 190.));
    float weave = mask.a < .5 ? 1. : mask.a < 1.5 ? ribs : checks;
    return Paint(mask.rgb * thread * weave, .03, 12., vec3(.1), gl_FrontFacing ? 1. : .5, 1.);
}
