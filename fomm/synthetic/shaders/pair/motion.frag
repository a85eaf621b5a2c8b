// Where this point is in the other frame (clip x and y over w, and its depth), and its depth here.
out vec4 colour;

void main() {
    if (is_cut()) discard;
    colour = vec4(other.xy / other.w, other.w, here.w);
}
