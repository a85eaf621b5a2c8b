// Hair: Kajiya-Kay with two highlights shifted along the strand, as Marschner measured.
uniform vec3 hair_colour;
uniform float hair_shine, hair_variety, root_shade;
in vec3 position, tangent;
in float along, chance, across;
out vec4 colour;

float lobe(vec3 t, vec3 l, vec3 v, float shift, float power) {
    vec3 h = normalize(l + v);
    float th = dot(t, h) + shift;
    return pow(sqrt(max(1. - th * th, 0.)), power);
}

void main() {
    vec3 t = normalize(tangent), v = normalize(eye - position);
    float lit = key_visibility(position, v * 1.5, 5., 5);
    vec3 base = hair_colour * (1. + hair_variety * (chance - .5)) * mix(root_shade, 1., smoothstep(0., .5, along));
    vec3 total = vec3(0.);
    vec3 directions[3] = vec3[3](key_direction, fill_direction, rim_direction);
    vec3 colours[3] = vec3[3](key_colour * lit, fill_colour * .8, rim_colour * .5);
    for (int k = 0; k < 3; k++) {
        vec3 l = directions[k];
        float tl = dot(t, l), diffuse = sqrt(max(1. - tl * tl, 0.));
        float shift = .10 * (chance - .5);
        total += colours[k] * (base * diffuse * .75
            + hair_shine * (lobe(t, l, v, shift - .06, 90.) * .12 * vec3(1.)
                            + lobe(t, l, v, shift + .10, 28.) * base * 1.6));
    }
    total += base * .28 * mix(root_shade, 1., along);
    colour = vec4(develop(total), 1.);
}
