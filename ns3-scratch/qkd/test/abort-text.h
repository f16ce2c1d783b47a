// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_TEST_ABORT_TEXT_H
#define QNTN_QKD_TEST_ABORT_TEXT_H

#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace qntn
{

/// What \p action prints before it aborts, run in a process of its own; "" if it does not abort.
inline std::string
AbortText(const std::function<void()>& action)
{
    int ends[2];
    if (pipe(ends) != 0)
    {
        return "";
    }
    std::cout.flush();
    const pid_t child = fork();
    if (child == 0)
    {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        std::set_terminate([] { _exit(1); });
        action();
        _exit(0);
    }
    close(ends[1]);
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    {
        text.append(buffer, n);
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "" : text;
}

} // namespace qntn

#endif // QNTN_QKD_TEST_ABORT_TEXT_H
