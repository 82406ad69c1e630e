#pragma once

#include <array>
#include <string>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace quorate {

/// From here on this process, and whatever it starts, reads no other process's memory by privilege,
/// as root may. What is left is what any process may of its own user.
inline void give_up_privileged_reading() {
    ::prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE);  // refused to who has no privileges at all
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
    if (::syscall(SYS_capget, &header, sets) != 0) return;
    constexpr auto kMask = ~(1U << CAP_SYS_PTRACE);
    sets[0].effective &= kMask;
    sets[0].permitted &= kMask;
    sets[0].inheritable &= kMask;
    ::syscall(SYS_capset, &header, sets);
}

/// Whether the kernel lets this process look into that one, by the right that reading its memory
/// takes (PTRACE_MODE_READ): it asks for the same user, and that the process is dumpable. What a
/// process runs is told by the same right.
inline bool may_look_into(pid_t process) {
    std::array<char, 1> first{};
    const auto link = "/proc/" + std::to_string(process) + "/exe";
    return ::readlink(link.c_str(), first.data(), first.size()) > 0;
}

}  // namespace quorate
