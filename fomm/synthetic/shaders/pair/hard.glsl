// Plastic and metal. mask: colour and gloss.
Paint paint(vec3 n) { return Paint(mask.rgb, mask.a, 70., vec3(.1), 1., 1.); }
