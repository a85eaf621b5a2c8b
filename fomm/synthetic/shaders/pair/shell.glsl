// Long hair as a shell around the head: it runs down, and on the crown to the sides.
uniform vec3 hair;

Paint paint(vec3 n) {
    float crown = smoothstep(.79, .835, rest.z);
    vec3 streaks = mix(vec3(rest.xy * 330., rest.z * 22.), vec3(rest.x * 22., rest.y * 330., 9.), crown);
    float strands = .65 * noise(streaks) + .35 * noise(streaks * 2.3 + 4.);
    return Paint(hair * (.40 + 1.1 * strands), .25, 10., vec3(.28), 1., 1.);
}
