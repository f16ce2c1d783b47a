// SPDX-License-Identifier: GPL-2.0-only
#pragma once
#include <csignal>
#include <cstdlib>
#include <map>
#include <string>
#include <unistd.h>

/// `--key=value` arguments of a peer.
struct Arguments : std::map<std::string, std::string>
{
    Arguments(int argc, char** argv)
    {
        for (int i = 1; i < argc; ++i)
        {
            const std::string word = argv[i];
            const auto equals = word.find('=');
            if (word.rfind("--", 0) == 0 && equals != std::string::npos)
            {
                (*this)[word.substr(2, equals - 2)] = word.substr(equals + 1);
            }
        }
    }

    std::string Get(const std::string& key, const std::string& otherwise) const
    {
        const auto found = find(key);
        return found == end() ? otherwise : found->second;
    }

    int Number(const std::string& key, int otherwise) const
    {
        return std::atoi(Get(key, std::to_string(otherwise)).c_str());
    }
};

/// Goes wrong as told.
inline void
GoWrong(const std::string& how)
{
    if (how == "exit0")
    {
        std::exit(0);
    }
    if (how == "abort")
    {
        std::abort();
    }
    if (how == "kill")
    {
        kill(getpid(), SIGKILL);
    }
    if (how == "stop")
    {
        kill(getpid(), SIGSTOP);
    }
    while (how == "hang")
    {
        pause();
    }
}
