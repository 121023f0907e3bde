/* version.h: this bastion's, and those of the parts that it was built with. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#ifndef BASTION_VERSION
#define BASTION_VERSION "0.1.0"
#endif

/* Made of vendor/pins by the Makefile: names and versions. */
#ifndef BASTION_PARTS
#define BASTION_PARTS "parts of unknown versions"
#endif

#endif
