// Lights of a scene, in world space and linear colour; see fomm/synthetic/render.py.
uniform vec3 eye;
uniform vec3 key_direction, key_colour;
uniform vec3 fill_direction, fill_colour;
uniform vec3 rim_direction, rim_colour;
uniform mat4 key_matrix;
uniform sampler2DShadow key_shadow;
uniform float shadow_texel;

float fbm(vec3 p) {
    return .5 * noise(p) + .3 * noise(p * 2.13 + 7.) + .2 * noise(p * 4.31 + 13.);
}

// Share of the key light that arrives, softened over a disc of `radius` shadow texels.
float key_visibility(vec3 p, vec3 n, float radius, int taps) {
    vec4 q = key_matrix * vec4(p + n * .0015, 1.);
    vec3 s = q.xyz / q.w * .5 + .5;
    float turn = 6.2832 * hash(vec3(gl_FragCoord.xy, 1.));
    float lit = 0.;
    for (int k = 0; k < taps; k++) {
        float r = sqrt((float(k) + .5) / float(taps)) * radius, a = float(k) * 2.39996 + turn;
        lit += texture(key_shadow, vec3(s.xy + shadow_texel * r * vec2(cos(a), sin(a)), s.z - .0012));
    }
    return lit / float(taps);
}

// GGX highlight of one light, `f0` at normal incidence, times the cosine.
float highlight(vec3 n, vec3 v, vec3 l, float rough, float f0) {
    vec3 h = normalize(v + l);
    float nl = max(dot(n, l), 0.), nv = max(dot(n, v), .05), nh = max(dot(n, h), 0.), vh = max(dot(v, h), 0.);
    float a = rough * rough, a2 = a * a, d = nh * nh * (a2 - 1.) + 1.;
    float D = a2 / (3.1416 * d * d);
    float k = a * .5, G = 1. / ((nl * (1. - k) + k) * (nv * (1. - k) + k));
    float F = f0 + (1. - f0) * pow(1. - vh, 5.);
    return D * F * G * .25 * nl;
}

// Scene light → picture: a soft shoulder, then the sRGB curve.
vec3 develop(vec3 c) {
    c = c * (1. + c * .18) / (1. + c * .62);
    return mix(12.92 * c, 1.055 * pow(max(c, vec3(1e-5)), vec3(1. / 2.4)) - .055, step(.0031308, c));
}
