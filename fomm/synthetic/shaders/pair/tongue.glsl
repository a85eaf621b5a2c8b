Paint paint(vec3 n) {
    vec3 base = vec3(.70, .33, .33) * (.85 + .3 * noise(rest * 500.)) * (smoothstep(-.07, -.13, rest.y) * .7 + .3);
    return Paint(base, .3, 22., vec3(.28), 1., 1.);
}
