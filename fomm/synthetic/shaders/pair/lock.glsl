// Locks, tails and knots. rest: across (-1 to 1), along (0 to 1), number. mask: how far out it lies, length.
uniform vec3 hair;

Paint paint(vec3 n) {
    float along = rest.y * mask.y * 30.;
    float threads = noise(vec3(rest.x * 5. + rest.z * 31., along, rest.z));
    float fine = noise(vec3(rest.x * 16. + rest.z * 17., along, rest.z * 3.));
    float shade = mix(.62, 1., mask.x) * mix(.7, 1., smoothstep(0., .15, rest.y));
    vec3 base = hair * (.92 + .2 * hash(vec3(rest.z, 1., 2.))) * (.42 + .55 * threads + .4 * fine);
    return Paint(base, .22, 14., vec3(.3), shade, 1.);
}
