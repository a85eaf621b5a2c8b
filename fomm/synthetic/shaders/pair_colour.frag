// Skin and everything on it, painted by where a point lies on the average head, and lit simply.
// mask: beard, inside of the mouth, scalp, lips.
uniform vec3 eye, left_eye, right_eye, lips_at;
uniform vec3 skin, lips, brow, hair, iris, cloth;
uniform float brow_thickness, brow_raised, gloss, stubble, blush, mottle, neckline, weave, has_hair;
uniform vec3 key_direction, key_colour, sky_colour, floor_colour;
out vec4 colour;

float brows(vec3 at) {
    vec2 b = vec2((rest.x - at.x) * sign(at.x), rest.z - at.z - .0205 - brow_raised);
    float arch = b.y - .05 * b.x + 2.3 * b.x * b.x;
    float hairs = .0014 * (noise(vec3(rest.x * 900., rest.z * 300., 3.)) - .5);
    float taper = brow_thickness * (1. - .45 * smoothstep(0., .028, b.x));
    float on = 1. - smoothstep(taper * .5, taper, abs(arch + hairs));
    return on * smoothstep(-.023, -.014, b.x) * (1. - smoothstep(.022, .033, b.x)) * step(rest.y, -.05);
}

void main() {
    if (is_cut()) discard;
    vec3 n = normalize(normal), v = normalize(eye - position);
    if (!gl_FrontFacing) n = -n;
    float fine = noise(rest * 420.) - .5, coarse = .6 * noise(rest * 55.) + .4 * noise(rest * 130.) - .5;
    vec3 base;
    float shine = gloss, wrap = .28, rough = 22.;
    if (kind == 0) {
        base = skin * (1. + mottle * (.20 * coarse * vec3(.7, 1., 1.1) + .14 * fine));
        vec3 cheek = (vec3(abs(rest.x), rest.yz) - vec3(.042, -.125, lips_at.z + .033)) / vec3(.024, .04, .02);
        base = mix(base, base * vec3(1.05, .80, .78), blush * exp(-dot(cheek, cheek)));
        vec3 nose = (rest - vec3(0., lips_at.y - .015, lips_at.z + .032)) / vec3(.016, .03, .014);
        base = mix(base, base * vec3(1.04, .82, .80), blush * .8 * exp(-dot(nose, nose)));
        for (int k = 0; k < 2; k++) {
            vec3 at = k == 0 ? left_eye : right_eye;
            vec2 d = (rest.xz - at.xz) / vec2(.021, .013);
            base *= 1. - .22 * exp(-dot(d, d) * dot(d, d)) * step(rest.y, -.06);
            base = mix(base, brow * (.7 + .6 * noise(vec3(rest.x * 1200., rest.z * 400., 1.))), .92 * brows(at));
        }
        float bristles = noise(rest * vec3(1500., 1500., 900.));
        float full = smoothstep(.6, .8, stubble);
        base = mix(base, mix(base * vec3(.62, .64, .70), hair * (.7 + 1.1 * bristles), full),
                   mask.x * mix(stubble, .82, full));
        base = mix(base, hair * (.45 + .9 * noise(rest * vec3(700., 700., 180.))), has_hair * .9 * mask.z);
        float lip = smoothstep(.35, .75, mask.w + .15 * fine);
        base = mix(base, lips * (.85 + .35 * noise(rest * vec3(700., 300., 200.))), lip * .92);
        shine = mix(shine, .45, lip * .6);
        float inside = smoothstep(.3, .7, mask.y);
        base = mix(base, vec3(.24, .07, .07), inside);
        float hem = rest.z - neckline - .42 * (rest.y + .06);
        if (hem < 0.) {
            float thread = .85 + .3 * noise(rest * 260.);
            float stripe = weave > 0. ? .65 + .35 * step(0., sin(rest.z * weave)) : 1.;
            base = cloth * thread * stripe * mix(.7, 1., smoothstep(0., -.006, hem));
            shine = .02;
            wrap = .1;
        }
    } else if (kind < 3) {
        vec3 e = normalize(rest - (kind == 1 ? left_eye : right_eye));
        float r = acos(clamp(-e.y, -1., 1.)) / .47, turn = atan(e.z, e.x);
        vec3 ring = iris * (.55 + .9 * noise(vec3(turn * 6., r * 2., 7.)));
        ring *= 1. - .7 * smoothstep(.78, 1., r);
        base = mix(mix(vec3(.012), ring, smoothstep(.34, .44, r)), vec3(.88, .85, .82), smoothstep(.94, 1.06, r));
        base *= mix(1., .6, smoothstep(.05, .45, e.z));
        shine = .9;
        rough = 90.;
    } else if (kind == 3) {
        base = vec3(.90, .86, .77) * (.82 + .22 * abs(sin(rest.x * 420.)));
        base *= smoothstep(-.088, -.140, rest.y) * .75 + .25;
        shine = .4;
    } else if (kind == 4) {
        base = vec3(.70, .33, .33) * (.85 + .3 * noise(rest * 500.)) * (smoothstep(-.07, -.13, rest.y) * .7 + .3);
        shine = .3;
    } else if (kind == 5) {
        base = hair * (.40 + 1.1 * noise(vec3(rest.xy * 330., rest.z * 22.)));
        shine = .25;
        rough = 10.;
    } else {
        base = vec3(.03);
        shine = 0.;
    }
    base = pow(base, vec3(2.2));
    vec3 bleed = kind == 0 ? vec3(1.2, .8, .65) : vec3(1.);
    vec3 lit = clamp((dot(n, key_direction) + wrap * bleed) / (1. + wrap * bleed), 0., 1.);
    vec3 around = mix(floor_colour, sky_colour, n.z * .5 + .5) * (.75 - .25 * n.y);
    vec3 h = normalize(key_direction + v);
    float spark = pow(max(dot(n, h), 0.), rough) * shine;
    float rim = pow(1. - max(dot(n, v), 0.), 4.) * .12;
    vec3 light = base * (key_colour * lit + around) + key_colour * spark * .35 + sky_colour * rim * shine;
    colour = vec4(pow(clamp(light / (1. + .25 * light), 0., 1.), vec3(1. / 2.2)), 1.);
}
