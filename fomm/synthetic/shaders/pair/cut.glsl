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
#elif KIND == FUZZ
// Layers over the skin: hairs end at some layer, thicker ones later. mask: share of the height, density, curl.
bool is_cut() {
    float grain = mix(260., 60., mask.z);
    float hairs = .55 * noise(rest * grain) + .45 * noise(rest * grain * 2.6 + 5.);
    return hairs * (1.1 - .25 * mask.x) + .62 * mask.y < .25 + .62 * mask.x + (1. - mask.y) * .5;
}
#elif KIND == STRIP
// A lock: rest is across (-1 to 1), along (0 to 1) and its number. It frays at its edges and towards its tip.
bool is_cut() {
    float threads = noise(vec3(rest.x * 4. + rest.z * 31., rest.y * 2.5, rest.z * 7.));
    float width = 1. - .75 * smoothstep(.55, 1., rest.y);
    return abs(rest.x) > width * (.62 + .45 * threads) || threads < .75 * smoothstep(.8, 1.02, rest.y);
}
#else
bool is_cut() { return false; }
#endif
