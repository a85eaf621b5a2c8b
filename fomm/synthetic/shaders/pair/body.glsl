// Skin and what is on it, and cloth, by where a point lies on the average head.
// mask: beard, inside of the mouth, scalp, lips.
uniform vec3 left_eye, right_eye, lips_at;
uniform vec3 skin, lips, brow, hair, cloth;
uniform float brow_thickness, brow_raised, gloss, stubble, blush, mottle, neckline, weave, has_hair, lines;
uniform vec4 creases;

float brows(vec3 at) {
    vec2 b = vec2((rest.x - at.x) * sign(at.x), rest.z - at.z - .0205 - brow_raised);
    float arch = b.y - .05 * b.x + 2.3 * b.x * b.x;
    float hairs = .0014 * (noise(vec3(rest.x * 900., rest.z * 300., 3.)) - .5);
    float taper = brow_thickness * (1. - .45 * smoothstep(0., .028, b.x));
    float on = 1. - smoothstep(taper * .5, taper, abs(arch + hairs));
    return on * smoothstep(-.023, -.014, b.x) * (1. - smoothstep(.022, .033, b.x)) * step(rest.y, -.05);
}

// One wrinkle: how deep at a distance from its middle, as a change of brightness (x) and of slope along the distance (y).
vec2 groove(float distance, float width) {
    float d = distance / width;
    return exp(-d * d) * vec2(1., -2. * d);
}

// Wrinkles where skin folds: depth, and slope to the side and upwards. creases: what the expression folds, see Posed.
vec3 wrinkles(vec3 at) {
    vec4 strength = clamp(.8 * lines + creases * (.35 + .65 * lines), 0., 1.2);
    float x = abs(rest.x), side = sign(rest.x);
    vec2 eye_at = vec2(x - abs(at.x), rest.z - at.z), g;
    vec3 all = vec3(0.);

    float up = eye_at.y + .0035 * (noise(vec3(rest.x * 38., 0., 5.)) - .5) - .8 * x * x;
    float row = floor(up / .0088), broken = smoothstep(.12, .4, noise(vec3(rest.x * 55., row * 3., 8.)));
    g = groove((fract(up / .0088) - .5) * .0088, .0014) * broken;
    g *= strength.x * smoothstep(.033, .039, up) * smoothstep(.071, .060, up) * smoothstep(.047, .028, x);
    all += vec3(g.x, 0., g.y);

    g = groove(x - .0075 - .05 * (eye_at.y - .01), .0013) * strength.y;
    g *= smoothstep(.003, .010, eye_at.y) * smoothstep(.033, .024, eye_at.y);
    all += vec3(g.x, g.y * side, 0.);

    vec2 corner = eye_at - vec2(.0195, .0005);
    float turn = atan(corner.y, corner.x), far = length(corner);
    g = groove((fract(turn / .42 + .5) - .5) * .42 * far, .0011) * strength.z;
    g *= smoothstep(.001, .004, far) * smoothstep(.019, .010, far) * smoothstep(1., .8, abs(turn));
    all += vec3(g.x, 0., g.y);

    g = groove(eye_at.y + .0165 - 18. * eye_at.x * eye_at.x, .0016) * strength.z * .6;
    g *= smoothstep(.015, .010, abs(eye_at.x));
    all += vec3(g.x, 0., g.y);

    float down = (lips_at.z + .031 - rest.z) / .038;
    g = groove(x - .0195 - .0150 * down - .0035 * sin(3.14 * down), .0021) * strength.w * .8;
    g *= smoothstep(0., .2, down) * smoothstep(1.05, .75, down) * step(rest.y, -.11);
    all += vec3(g.x, g.y * side, 0.);
    return all * step(rest.y, -.06);
}

Paint paint(inout vec3 n) {
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
    vec3 folded = wrinkles(at);
    base *= 1. - .38 * min(folded.x, 1.) * vec3(.9, 1., 1.);
    n = normalize(n + .42 * vec3(folded.y, 0., folded.z));
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
