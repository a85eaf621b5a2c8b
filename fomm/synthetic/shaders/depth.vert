uniform mat4 camera, model;
in vec3 in_position;

void main() { gl_Position = camera * model * vec4(in_position, 1.); }
