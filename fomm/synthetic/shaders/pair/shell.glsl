// Long hair as a shell around the head.
uniform vec3 hair;

Paint paint(vec3 n) {
    return Paint(hair * (.40 + 1.1 * noise(vec3(rest.xy * 330., rest.z * 22.))), .25, 10., vec3(.28), 1., 1.);
}
