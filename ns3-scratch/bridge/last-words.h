// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_LAST_WORDS_H
#define QNTN_BRIDGE_LAST_WORDS_H

namespace qntn
{

/// Sees to it that what a simulator says at its end reaches Python.
///
/// Where stderr is the log of fixed size that Python made, std::cerr and std::clog keep its first
/// part and write the rest round and round, so that a flood of text costs neither memory nor the
/// last lines. A SIGSEGV says on stderr whether the stack overflowed, then ends the process as
/// before.
void KeepLastWords();

} // namespace qntn

#endif // QNTN_BRIDGE_LAST_WORDS_H
