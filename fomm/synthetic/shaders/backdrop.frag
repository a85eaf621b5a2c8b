uniform sampler2D picture;
in vec2 uv;
out vec4 colour;

void main() { colour = vec4(texture(picture, vec2(uv.x, 1. - uv.y)).rgb, 1.); }
