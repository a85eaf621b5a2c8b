// Skin, lips, gums, tongue, teeth and cloth. material: roughness, translucency, pore depth, weave depth.
// trim: height over the garment's upper edge, where it is cut; collar: height of its ribbed band.
uniform float collar;
in float trim;
in vec3 position, normal, sky, rest, albedo;
in vec4 material;
out vec4 colour;

float relief(vec3 p) {
    float pores = noise(p * 1100.) * .6 + noise(p * 520.) * .4;
    if (material.w < .01) return pores * material.z * .00011;
    float around = atan(p.x, -p.y - .0) * 170., band = smoothstep(-collar - .0008, -collar + .0008, trim);
    float rib = sqrt(abs(sin(around))), seam = exp(-pow((trim + collar) / .0009, 2.));
    float knit = .6 * fbm(p * 420.) + .8 * noise(p * vec3(900., 900., 500.));
    float folds = 9. * noise(p * vec3(16., 16., 9.)) + 3. * noise(p * vec3(40., 40., 22.));
    return material.w * (.00022 * mix(knit, rib * 1.6 + knit * .3, band) - .0009 * seam) + .00030 * folds * (1. - band);
}

void main() {
    if (trim > 0.) discard;
    vec3 n = normalize(normal), v = normalize(eye - position);
    if (dot(n, v) < 0. && !gl_FrontFacing) n = -n;
    vec2 d = vec2(.0004, 0.);
    float r = relief(rest);
    vec3 slope = vec3(relief(rest + d.xyy) - r, relief(rest + d.yxy) - r, relief(rest + d.yyx) - r) / d.x;
    n = normalize(n - (slope - dot(slope, n) * n));

    float mottle = fbm(rest * 150.) - .5, blotch = noise(rest * 42.) - .5, speckle = noise(rest * 900.) - .5;
    vec3 base = albedo * (1. + material.z * (.30 * mottle * vec3(.5, 1.1, 1.2) + .26 * blotch * vec3(.3, 1., 1.) + .07 * speckle));

    // Light travels under the skin before it comes out, red farthest: wrap the terminator by channel.
    vec3 wrap = vec3(.30, .17, .12) * material.y;
    float lit = key_visibility(position, normalize(normal), 4., 12);
    vec3 bleed = mix(vec3(lit), pow(vec3(lit), vec3(.72, .92, 1.)), material.y);
    vec3 key = clamp((dot(n, key_direction) + wrap) / (1. + wrap), 0., 1.);
    vec3 fill = clamp((dot(n, fill_direction) + wrap) / (1. + wrap), 0., 1.);
    vec3 rim = clamp((dot(n, rim_direction) + wrap) / (1. + wrap), 0., 1.);
    float open = clamp(dot(sky, vec3(.333)) * 1.6, 0., 1.);

    vec3 light = key_colour * key * bleed + fill_colour * fill * open + rim_colour * rim * open + sky + vec3(.060, .052, .043) * material.y;
    float rough = material.x;
    float gloss = highlight(n, v, key_direction, rough, .03) * lit;
    float sheen = highlight(n, v, key_direction, rough * .62, .03) * lit;
    vec3 shine = key_colour * (.65 * gloss + .35 * sheen)
        + (fill_colour * highlight(n, v, fill_direction, rough, .03)
           + .25 * rim_colour * highlight(n, v, rim_direction, rough, .03)) * open
        + sky * .10 * pow(1. - max(dot(n, v), 0.), 4.) * (1. - rough);
    colour = vec4(develop(base * light + shine), 1.);
}
