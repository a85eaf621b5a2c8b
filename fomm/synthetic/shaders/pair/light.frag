// Lights what a part's paint() says, simply: one lamp without shadows, sky and floor.
uniform vec3 key_direction, key_colour, sky_colour, floor_colour;
out vec4 colour;

void main() {
    if (is_cut()) discard;
    vec3 n = normalize(normal), v = normalize(eye - position);
    if (!gl_FrontFacing) n = -n;
    Paint p = paint(n);
    vec3 base = pow(p.base, vec3(2.2));
    vec3 lit = clamp((dot(n, key_direction) + p.wrap) / (1. + p.wrap), 0., 1.);
    vec3 around = mix(floor_colour, sky_colour, n.z * .5 + .5) * (.75 - .25 * n.y);
    vec3 h = normalize(key_direction + v);
    float spark = pow(max(dot(n, h), 0.), p.rough) * p.shine;
    float rim = pow(1. - max(dot(n, v), 0.), 4.) * .12;
    vec3 light = base * (key_colour * lit + around) * p.open + key_colour * spark * .35 + sky_colour * rim * p.shine;
    colour = vec4(pow(clamp(light / (1. + .25 * light), 0., 1.), vec3(1. / 2.2)), p.cover);
}
