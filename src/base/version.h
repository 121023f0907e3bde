/* version.h: this bastion's. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#ifndef BASTION_VERSION
#define BASTION_VERSION "0.1.0"
#endif

#endif
