// Where a part is cut away, in both passes alike.
#if KIND == SHELL
// The hair's shell: over the face, below its length, and under a hat.
uniform float fringe, cut, hat_from;

bool is_cut() {
    float across = abs(rest.x) / (.060 + .008 * noise(rest * 60.));
    float down = max((rest.z - .72) / (fringe - .72 + .014 * noise(vec3(rest.x * 200., 0., 0.))), 0.);
    bool face = rest.y < -.035 && across * across + down * down < 1.;
    return face || rest.z < cut + .03 * noise(rest * 40.) || rest.z + .4 * (rest.y + .153) > hat_from;
}
#elif KIND == LAYER
// Layers over the skin: ever fewer hairs reach the outer ones. mask: share of the height, density, curl.
bool is_cut() {
    // Straight hairs stand where they grow; curls fill the room above the skin.
    vec3 above = rest + normalize(rest - vec3(0., -.05, .74)) * mask.x * mask.a;
    vec3 straight = rest * vec3(620., 150., 620.), curly = above * mix(330., 130., mask.z);
    float hairs = mask.z > .2 ? .6 * noise(curly) + .4 * noise(curly * 2.7 + 5.) : noise(straight);
    return hairs < .12 + .55 * mask.x + .5 * (1. - smoothstep(0., .7, mask.y));
}
#elif KIND == LOCK
// A lock: rest is across (-1 to 1), along (0 to 1) and its number. It frays at its edges and towards its tip.
bool is_cut() {
    float threads = noise(vec3(rest.x * 4. + rest.z * 31., rest.y * 2.5, rest.z * 7.));
    float width = 1. - .7 * smoothstep(.6, 1., rest.y);
    return abs(rest.x) > width * (.62 + .45 * threads) || threads < .75 * smoothstep(.82, 1.02, rest.y);
}
#else
bool is_cut() { return false; }
#endif
