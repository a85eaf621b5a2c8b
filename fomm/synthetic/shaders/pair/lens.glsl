// A clear lens: only what it mirrors, a window in front of it and the sky above.
uniform float glare;

Paint paint(vec3 n) {
    vec3 r = reflect(normalize(position - eye), n);
    vec2 at = (r.xz / max(-r.y, .1) - vec2(.55, .35) * sign(glare)) / vec2(.45, .38);
    float window = smoothstep(1.05, .9, max(abs(at.x), abs(at.y))) * step(r.y, 0.);
    float edge = pow(1. - abs(dot(n, normalize(eye - position))), 3.);
    return Paint(vec3(.95, .97, 1.), 1., 200., vec3(.6), 1., clamp(.03 + abs(glare) * window + .5 * edge, 0., 1.));
}
