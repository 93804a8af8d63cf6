# What the set-up scripts share; each sets `name` (what its lines begin with) and `base` (the interpreter) first.

say() { printf '%s: %s\n' "$name" "$*" >&2; }
stop() { say "$@"; exit 1; }

version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

# apt_install PACKAGE...: by apt where this user may, else says what to type and fails.
apt_install() {
  local apt=(as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq)
  if command -v apt-get >/dev/null && as_root true 2>/dev/null; then
    say "installing $* by apt"
    { "${apt[@]}" install -y "$@" || { "${apt[@]}" update && "${apt[@]}" install -y "$@"; }; } </dev/null &>/dev/null && return
  fi
  say "please type: sudo apt-get install -y $*"
  return 1
}
