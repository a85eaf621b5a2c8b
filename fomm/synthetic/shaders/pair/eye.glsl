// An eyeball.
uniform vec3 left_eye, right_eye, iris;

Paint paint(vec3 n) {
    vec3 e = normalize(rest - (KIND == LEFT_EYE ? left_eye : right_eye));
    float r = acos(clamp(-e.y, -1., 1.)) / .47, turn = atan(e.z, e.x);
    vec3 ring = iris * (.55 + .9 * noise(vec3(turn * 6., r * 2., 7.)));
    ring *= 1. - .7 * smoothstep(.78, 1., r);
    vec3 base = mix(mix(vec3(.012), ring, smoothstep(.34, .44, r)), vec3(.88, .85, .82), smoothstep(.94, 1.06, r));
    return Paint(base * mix(1., .6, smoothstep(.05, .45, e.z)), .9, 90., vec3(.28), 1., 1.);
}
