// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_CORRELATED_FIELD_H
#define QNTN_RAN_CORRELATED_FIELD_H

#include <cstdint>

namespace qntn
{

/// A random function of place: normal with mean 0 and variance 1 everywhere, smooth over a
/// correlation distance, and the same whenever the same place is asked for again. What a user meets
/// on returning to a street corner is what was there before.
///
/// Values on a lattice come from a hash of the cell and the key; between them they are interpolated
/// linearly and normalised to unit variance.
class CorrelatedField
{
  public:
    /// \param key which of the infinitely many such functions
    /// \param correlationM lattice constant of x and y; z counts in lattice cells
    CorrelatedField(uint64_t key, double correlationM);

    double At(double xM, double yM, double z = 0) const;

  private:
    double AtCorner(int64_t x, int64_t y, int64_t z) const;

    uint64_t m_key;
    double m_correlationM;
};

/// Probability that a standard normal variable is below \p value: makes a uniform variable of a
/// field.
double NormalCdf(double value);

} // namespace qntn

#endif // QNTN_RAN_CORRELATED_FIELD_H
