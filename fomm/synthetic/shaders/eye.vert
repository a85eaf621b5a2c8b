uniform mat4 camera;
in vec3 in_position, in_normal, in_sky, in_local;
out vec3 position, normal, sky, local;

void main() {
    position = in_position;
    normal = in_normal;
    sky = in_sky;
    local = in_local;
    gl_Position = camera * vec4(in_position, 1.);
}
