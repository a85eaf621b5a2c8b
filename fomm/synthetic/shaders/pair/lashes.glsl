Paint paint(vec3 n) { return Paint(vec3(.03), 0., 22., vec3(.28), 1., 1.); }
