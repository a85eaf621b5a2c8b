// Hair drawn as ribbons that face the camera. in_across: -1 or 1, the ribbon's side; in_along: 0 root .. 1 tip.
invariant gl_Position;
uniform mat4 camera, model;
uniform vec3 eye;
in vec3 in_position, in_tangent;
in vec4 in_ribbon;  // side, half width (m), along, random
out vec3 position, tangent;
out float along, chance, across;

void main() {
    position = (model * vec4(in_position, 1.)).xyz;
    tangent = normalize(mat3(model) * in_tangent);
    vec3 side = normalize(cross(tangent, eye - position));
    position += side * in_ribbon.x * in_ribbon.y;
    across = in_ribbon.x;
    along = in_ribbon.z;
    chance = in_ribbon.w;
    gl_Position = camera * vec4(position, 1.);
}
