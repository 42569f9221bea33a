// Preloaded into a server that must do with the receive buffers that the kernel gives by default: when it asks for
// larger ones it is told that it has them.

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" int setsockopt(int descriptor, int level, int name, const void* value, socklen_t length) noexcept {
    if (level == SOL_SOCKET && (name == SO_RCVBUF || name == SO_RCVBUFFORCE)) return 0;
    return static_cast<int>(::syscall(SYS_setsockopt, descriptor, level, name, value, length));
}
