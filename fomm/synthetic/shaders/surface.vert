invariant gl_Position;
uniform mat4 camera;
in vec3 in_position, in_normal, in_sky;
in vec3 in_rest, in_albedo;
in vec4 in_material;
in float in_trim;
out float trim;
out vec3 position, normal, sky, rest, albedo;
out vec4 material;

void main() {
    position = in_position;
    normal = in_normal;
    sky = in_sky;
    rest = in_rest;
    albedo = in_albedo;
    material = in_material;
    trim = in_trim;
    gl_Position = camera * vec4(in_position, 1.);
}
