#!/bin/sh
# Runs its arguments, as root, while services may not be started: Debian asks policy-rc.d before it
# starts one, and 101 forbids it. The file goes again whatever ends this shell; one that a killed shell
# left behind is known by its mark.
policy=/usr/sbin/policy-rc.d
mark="# written by ./dev for the time of an installation"
if [ ! -e $policy ] || grep -qxF "$mark" $policy; then
    trap 'rm -f $policy' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >$policy
    chmod 755 $policy
fi
"$@"
