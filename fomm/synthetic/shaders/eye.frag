// An eyeball: sclera, iris seen through the cornea, and the cornea's mirror of lamp and window.
// local: direction from the eye's centre, the pupil at (0, -1, 0).
uniform vec3 iris_colour;
uniform float iris_angle, pupil;
in vec3 position, normal, sky, local;
out vec4 colour;

float mirror(vec3 r, vec3 l, float size) {
    vec3 side = normalize(cross(l, vec3(0, 0, 1))), up = cross(side, l);
    vec2 q = vec2(dot(r, side), dot(r, up)) / size;
    float pane = smoothstep(1., .8, abs(q.x)) * smoothstep(1., .8, abs(q.y));
    return dot(r, l) > 0. ? pane : 0.;
}

void main() {
    vec3 n = normalize(normal), v = normalize(eye - position), e = normalize(local);
    float lit = mix(.35, 1., key_visibility(position, n, 5., 12));
    float open = clamp(dot(sky, vec3(.333)) * 1.6, 0., 1.);

    float angle = acos(clamp(-e.y, -1., 1.)), r = angle / iris_angle, turn = atan(e.z, e.x);
    float veins = smoothstep(.62, .8, noise(vec3(e.xz * 9., 3.)) * .5 + noise(vec3(turn * 11., r * 1.3, 5.)) * .5);
    vec3 sclera = mix(vec3(.63, .60, .57), vec3(.72, .42, .36), .22 * veins * smoothstep(1.3, 2.6, r));
    sclera = mix(sclera, vec3(.66, .42, .36), .5 * smoothstep(1.9, 3.2, r));

    float fibres = noise(vec3(cos(turn) * 16., sin(turn) * 16., r * 1.6)) * .6
        + noise(vec3(cos(turn) * 34., sin(turn) * 34., r * 4.)) * .4;
    vec3 iris = iris_colour * (.45 + 1.1 * fibres) * mix(1.25, .8, smoothstep(.35, .95, r));
    iris = mix(iris, iris * vec3(1.35, 1.1, .75) + vec3(.02, .012, 0.), smoothstep(.62, .4, r) * .6);
    iris *= 1. - .75 * smoothstep(.80, 1.0, r);
    iris = mix(vec3(.006), iris, smoothstep(pupil - .04, pupil + .05, r));
    // The lids shade the white above and at the corners.
    sclera *= mix(1., .62, smoothstep(.10, .36, e.z)) * mix(1., .72, smoothstep(.45, .75, abs(e.x)));
    float white = smoothstep(.95, 1.09, r);
    vec3 base = mix(iris, sclera, white);

    // The iris is a dish behind the cornea: light gathers on the side away from the lamp.
    vec3 dish = normalize(mix(n, normalize(n * 1. - 1.3 * (e - vec3(0, e.y, 0))), 1. - white));
    vec3 key = vec3(clamp((dot(dish, key_direction) + .25) / 1.25, 0., 1.));
    vec3 light = key_colour * key * lit + fill_colour * max(dot(n, fill_direction) * .7 + .3, 0.) * open + sky * 1.1;

    vec3 m = reflect(-v, n);
    float cornea = mix(1., .25, white);
    vec3 shine = key_colour * mirror(m, key_direction, .19) * 1.5 * cornea * lit
        + fill_colour * mirror(m, fill_direction, .26) * .35 * cornea * open
        + key_colour * highlight(n, v, key_direction, .22, .03) * .5 * lit + sky * .03;
    colour = vec4(develop(base * light + shine), 1.);
}
