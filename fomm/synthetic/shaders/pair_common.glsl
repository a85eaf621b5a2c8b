#version 330
// kind: 0 body, 1 left eye, 2 right eye, 3 teeth, 4 tongue, 5 hair, 6 lashes.
uniform int kind;
uniform float texture_seed, fringe, cut;
in vec3 position, normal, rest;
in vec4 mask, other, here;

float hash(vec3 p) {
    p = fract(p * vec3(.1031, .11369, .13787) + texture_seed * .137);
    p += dot(p, p.yzx + 19.19);
    return fract((p.x + p.y) * p.z);
}

float noise(vec3 p) {
    vec3 i = floor(p), f = fract(p);
    f = f * f * (3. - 2. * f);
    vec2 o = vec2(0, 1);
    return mix(mix(mix(hash(i + o.xxx), hash(i + o.yxx), f.x), mix(hash(i + o.xyx), hash(i + o.yyx), f.x), f.y),
               mix(mix(hash(i + o.xxy), hash(i + o.yxy), f.x), mix(hash(i + o.xyy), hash(i + o.yyy), f.x), f.y),
               f.z);
}

// Where the hair's shell is cut away: over the face, and below its length.
bool is_cut() {
    if (kind != 5) return false;
    float across = abs(rest.x) / (.060 + .008 * noise(rest * 60.));
    float down = max((rest.z - .72) / (fringe - .72 + .014 * noise(vec3(rest.x * 200., 0., 0.))), 0.);
    bool face = rest.y < -.035 && across * across + down * down < 1.;
    return face || rest.z < cut + .03 * noise(rest * 40.);
}
