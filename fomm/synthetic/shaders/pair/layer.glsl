// Cropped or curly hair, and beards. mask: share of the height, density, curl, greatest height in metres.
uniform vec3 hair;

Paint paint(vec3 n) {
    float strands = noise(mask.z > .2 ? rest * 420. : rest * vec3(700., 130., 700.));
    float deep = mix(1., mix(.45, 1.1, mask.x), smoothstep(.003, .02, mask.a));
    return Paint(hair * (.45 + .8 * strands) * deep, .12, 12., vec3(.35), 1., 1.);
}
