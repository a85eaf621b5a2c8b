// A vertex in this frame, and the same point of the skin in the pair's other frame.
uniform mat4 camera;
in vec3 in_position, in_normal, in_other, in_rest;
in vec4 in_mask;
out vec3 position, normal, rest;
out vec4 mask, other, here;

void main() {
    position = in_position;
    normal = in_normal;
    rest = in_rest;
    mask = in_mask;
    other = camera * vec4(in_other, 1.);
    here = camera * vec4(in_position, 1.);
    gl_Position = here;
}
