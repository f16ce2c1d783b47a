// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_KEY_SOURCE_H
#define QNTN_QKD_KEY_SOURCE_H

#include "ns3/callback.h"
#include "ns3/nstime.h"
#include "ns3/object.h"

namespace qntn
{

/// Where the applications of a relation get key, if not from the QkdNetwork itself.
class KeySource : public ns3::Object
{
  public:
    static ns3::TypeId GetTypeId();

    using KeyCallback = ns3::Callback<void, bool /*granted*/>;

    /// Whether so much key was there and is the caller's now.
    virtual bool TryTakeKey(uint64_t bits) = 0;
    /// Answers when there is so much key, or with false at \p deadline.
    virtual void RequestKey(uint64_t bits, ns3::Time deadline, KeyCallback done) = 0;
};

} // namespace qntn

#endif // QNTN_QKD_KEY_SOURCE_H
