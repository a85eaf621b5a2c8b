// Depth of the surface alone, without the cloth above the neckline.
in float trim;

void main() {
    if (trim > 0.) discard;
}
