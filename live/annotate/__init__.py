"""`fomm-live annotate`: marking by hand the face of a picture in which no detector finds one."""
