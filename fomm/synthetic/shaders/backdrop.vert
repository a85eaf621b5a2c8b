in vec2 in_corner;
out vec2 uv;

void main() {
    uv = in_corner * .5 + .5;
    gl_Position = vec4(in_corner, .99999, 1.);
}
