// SPDX-License-Identifier: GPL-2.0-only
// qntn-warden LIFELINE [SEGMENT]... -- [COMMAND [ARGUMENT]...]
//
// Runs a command in a process group of its own and ends the group as soon as the other end of the
// socket LIFELINE closes, however its owner ended; then removes the named shared memory SEGMENTs.
// On the lifeline it says "P<pid>", "E<errno>" if there is no such program, and "X<wait status>" at
// the end; it is told "K" to end the group and "D" when the segments are none of its business any
// more.
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace
{

void
Say(int lifeline, char what, int value)
{
    char message[1 + sizeof value];
    message[0] = what;
    std::memcpy(message + 1, &value, sizeof value);
    // Nobody may be there to hear it, which the next look at the lifeline tells.
    [[maybe_unused]] const auto sent = send(lifeline, message, sizeof message, MSG_NOSIGNAL);
}

pid_t
Start(int lifeline, char** command)
{
    int failure[2];
    if (pipe2(failure, O_CLOEXEC) != 0)
    {
        return -1;
    }
    const pid_t warden = getpid();
    const pid_t child = fork();
    if (child == 0)
    {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != warden)
        {
            _exit(127);
        }
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
        {
            std::signal(signal, SIG_DFL);
        }
        close(lifeline);
        execvp(command[0], command);
        const int error = errno;
        [[maybe_unused]] const auto written = write(failure[1], &error, sizeof error);
        _exit(127);
    }
    setpgid(child, child);
    close(failure[1]);
    int error = 0;
    if (read(failure[0], &error, sizeof error) == sizeof error)
    {
        Say(lifeline, 'E', error);
    }
    close(failure[0]);
    return child;
}

} // namespace

int
main(int argc, char** argv)
{
    if (argc < 3)
    {
        return 2;
    }
    const int lifeline = std::atoi(argv[1]);
    fcntl(lifeline, F_SETFD, FD_CLOEXEC);
    std::vector<std::string> segments;
    int next = 2;
    for (; next < argc && std::strcmp(argv[next], "--") != 0; ++next)
    {
        segments.push_back("/" + std::string(argv[next]));
    }
    ++next;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
    {
        std::signal(signal, SIG_IGN); // only the lifeline counts
    }

    pid_t child = next < argc ? Start(lifeline, argv + next) : 0;
    int process = -1;
    if (child > 0)
    {
        process = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
        Say(lifeline, 'P', child);
    }
    close(STDOUT_FILENO); // so that the end of what the program wrote is seen at its end
    close(STDERR_FILENO);
    auto end = [&]
    {
        if (child > 0)
        {
            kill(-child, SIGKILL);
            int status = 0;
            waitpid(child, &status, 0);
            Say(lifeline, 'X', status);
            child = 0;
            close(process);
            process = -1;
        }
    };
    while (true)
    {
        pollfd events[] = {{lifeline, POLLIN, 0}, {process, POLLIN, 0}};
        if (poll(events, 2, -1) < 0)
        {
            continue;
        }
        if (events[1].revents != 0)
        {
            end(); // its status is its own; what it started goes too
        }
        if (events[0].revents != 0)
        {
            char word = 0;
            if (recv(lifeline, &word, 1, 0) <= 0)
            {
                break;
            }
            if (word == 'D')
            {
                segments.clear();
            }
            else
            {
                end();
            }
        }
    }
    end();
    for (const auto& segment : segments)
    {
        shm_unlink(segment.c_str());
    }
}
