// Skin and what is on it, and cloth, by where a point lies on the average head.
// mask: beard, inside of the mouth, scalp, lips.
uniform vec3 left_eye, right_eye, lips_at;
uniform vec3 skin, lips, brow, hair, cloth;
uniform float brow_thickness, brow_raised, gloss, stubble, blush, mottle, neckline, weave, has_hair;

float brows(vec3 at) {
    vec2 b = vec2((rest.x - at.x) * sign(at.x), rest.z - at.z - .0205 - brow_raised);
    float arch = b.y - .05 * b.x + 2.3 * b.x * b.x;
    float hairs = .0014 * (noise(vec3(rest.x * 900., rest.z * 300., 3.)) - .5);
    float taper = brow_thickness * (1. - .45 * smoothstep(0., .028, b.x));
    float on = 1. - smoothstep(taper * .5, taper, abs(arch + hairs));
    return on * smoothstep(-.023, -.014, b.x) * (1. - smoothstep(.022, .033, b.x)) * step(rest.y, -.05);
}

Paint paint(vec3 n) {
    float fine = noise(rest * 420.) - .5, coarse = .6 * noise(rest * 55.) + .4 * noise(rest * 130.) - .5;
    Paint p = Paint(skin, gloss, 22., .28 * vec3(1.2, .8, .65), 1., 1.);
    vec3 base = skin * (1. + mottle * (.20 * coarse * vec3(.7, 1., 1.1) + .14 * fine));
    vec3 cheek = (vec3(abs(rest.x), rest.yz) - vec3(.042, -.125, lips_at.z + .033)) / vec3(.024, .04, .02);
    base = mix(base, base * vec3(1.05, .80, .78), blush * exp(-dot(cheek, cheek)));
    vec3 nose = (rest - vec3(0., lips_at.y - .015, lips_at.z + .032)) / vec3(.016, .03, .014);
    base = mix(base, base * vec3(1.04, .82, .80), blush * .8 * exp(-dot(nose, nose)));
    // Both sides at once: what is on the right is mirrored.
    vec3 at = rest.x > 0. ? left_eye : right_eye;
    vec2 d = (rest.xz - at.xz) / vec2(.021, .013);
    base *= 1. - .22 * exp(-dot(d, d) * dot(d, d)) * step(rest.y, -.06);
    base = mix(base, brow * (.7 + .6 * noise(vec3(rest.x * 1200., rest.z * 400., 1.))), .92 * brows(at));
    float bristles = noise(rest * vec3(1500., 1500., 900.));
    float full = smoothstep(.6, .8, stubble);
    base = mix(base, mix(base * vec3(.62, .64, .70), hair * (.7 + 1.1 * bristles), full),
               mask.x * mix(stubble, .82, full));
    base = mix(base, hair * (.45 + .9 * noise(rest * vec3(700., 700., 180.))), has_hair * .9 * mask.z);
    float lip = smoothstep(.35, .75, mask.w + .15 * fine);
    base = mix(base, lips * (.85 + .35 * noise(rest * vec3(700., 300., 200.))), lip * .92);
    p.shine = mix(p.shine, .45, lip * .6);
    float inside = smoothstep(.3, .7, mask.y);
    base = mix(base, vec3(.24, .07, .07), inside);
    float hem = rest.z - neckline - .42 * (rest.y + .06);
    if (hem < 0.) {
        float thread = .85 + .3 * noise(rest * 260.);
        float stripe = weave > 0. ? .65 + .35 * step(0., sin(rest.z * weave)) : 1.;
        base = cloth * thread * stripe * mix(.7, 1., smoothstep(0., -.006, hem));
        p.shine = .02;
        p.wrap = .1 * vec3(1.2, .8, .65);
    }
    p.base = base;
    return p;
}
