// What every part knows of a point. The renderer defines KIND as one of the kinds below, and the template's heights.
uniform float texture_seed;
#define SEED texture_seed * .137
in vec3 position, normal, rest;
in vec4 mask, other, here;
