# For nixpkgs: callPackage ./. { }. The source's tarball has all that it is made of, musl among it.
{ lib, stdenv, fetchurl }:

stdenv.mkDerivation rec {
  pname = "bastion";
  version = "@VERSION@";

  src = fetchurl {
    url = "@URL@/bastion-${version}.tar.gz";
    sha256 = "@SHA256@";
  };

  # Nix's wrapper of gcc adds what is glibc's, such as _FORTIFY_SOURCE; the Makefile has flags of its own.
  hardeningDisable = [ "all" ];
  dontStrip = true;
  outputs = [ "out" "debug" ];

  postPatch = "patchShebangs vendor init/packages";
  buildFlags = [ "build/bastion" "build/tinysshd" ];
  installFlags = [ "PREFIX=$(out)" ];
  postInstall = ''
    install -D -m 644 -t $debug/lib/debug build/bastion.debug build/tinysshd.debug
  '';

  meta = {
    description = "Lets somebody run one command over SSH or HTTP, and nothing else";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
    mainProgram = "bastion";
  };
}
