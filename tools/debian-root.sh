# Sourced by scripts that make a minimal root of Debian: sets `suite`, the release of this machine, and `mirror`,
# from which its apt installs, or ends with what is missing.
fail() {
  echo "${0##*/}: $1" >&2
  exit 1
}
[[ $(id -u) == 0 ]] || fail 'expected to be root, who may make the root of a system; run it with sudo'
command -v mmdebstrap >/dev/null || fail 'there is no mmdebstrap; install the package mmdebstrap'
suite=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  awk -v suite="$suite" '$2 == suite && $3 == "main" { print $1; exit }')
[[ -n $mirror ]] || fail "apt has no source for main of ${suite:-this system}, so there is no mirror to make a root from"
