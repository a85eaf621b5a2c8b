Paint paint(vec3 n) {
    vec3 base = vec3(.90, .86, .77) * (.82 + .22 * abs(sin(rest.x * 420.)));
    base *= smoothstep(-.088, -.140, rest.y) * .75 + .25;
    return Paint(base, .4, 22., vec3(.28), 1., 1.);
}
