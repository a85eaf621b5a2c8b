// What a part's paint() says of a point: sRGB, gloss, its roughness, how far light wraps around, how much of the
// light arrives, and how much it covers.
struct Paint {
    vec3 base;
    float shine, rough;
    vec3 wrap;
    float open, cover;
};
uniform vec3 eye;
