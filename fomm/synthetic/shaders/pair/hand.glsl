// A hand and its arm. rest: from the palm's middle, y along the fingers, z out of the palm. mask: where the sleeve ends.
uniform vec3 skin, cloth;
uniform float gloss, mottle;

Paint paint(vec3 n) {
    float fine = noise(rest * 420.) - .5, coarse = noise(rest * 90.) - .5;
    vec3 base = skin * (1. + mottle * (.18 * coarse * vec3(.7, 1., 1.1) + .12 * fine));
    float palm = smoothstep(.0, .012, rest.z);
    base = mix(base, mix(base, vec3(.85, .6, .52), .35) * vec3(1.03, .95, .93), palm);
    float bent = abs(fract(rest.y * 42.) - .5);
    base *= 1. - .14 * smoothstep(.1, .0, bent) * step(.04, rest.y);
    if (rest.y < -mask.x) {
        base = cloth * (.85 + .3 * noise(rest * 260.));
        return Paint(base, .02, 22., vec3(.1), 1., 1.);
    }
    return Paint(base, gloss, 22., .28 * vec3(1.2, .8, .65), 1., 1.);
}
