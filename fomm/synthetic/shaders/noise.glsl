// Value noise. Whoever includes this defines SEED, an offset that settles the pattern.
float hash(vec3 p) {
    p = fract(p * vec3(.1031, .11369, .13787) + SEED);
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
