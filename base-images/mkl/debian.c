/*
 * MKL under the names of Debian's BLAS and LAPACK. Six of their functions give back a complex number: gfortran's callers, all of Debian,
 * await it in registers, MKL's usual interface stores it where a first argument points. (MKL has another interface for them, but the
 * package of PyPI does not bring it.) numpy does not call the six; scipy does, and would crash. Everything else is MKL's own.
 */
#include <complex.h>

#define DOT(number, name, theirs)                                                                                               \
	void theirs(number *result, const int *n, const number *x, const int *step_x, const number *y, const int *step_y);      \
	number name(const int *n, const number *x, const int *step_x, const number *y, const int *step_y);                      \
	number name(const int *n, const number *x, const int *step_x, const number *y, const int *step_y)                       \
	{                                                                                                                       \
		number result;                                                                                                  \
		theirs(&result, n, x, step_x, y, step_y);                                                                       \
		return result;                                                                                                  \
	}

#define DIVISION(number, name, theirs)                                                                                          \
	void theirs(number *result, const number *x, const number *y);                                                          \
	number name(const number *x, const number *y);                                                                          \
	number name(const number *x, const number *y)                                                                           \
	{                                                                                                                       \
		number result;                                                                                                  \
		theirs(&result, x, y);                                                                                          \
		return result;                                                                                                  \
	}

DOT(float complex, cdotc_, CDOTC)
DOT(float complex, cdotu_, CDOTU)
DOT(double complex, zdotc_, ZDOTC)
DOT(double complex, zdotu_, ZDOTU)
DIVISION(float complex, cladiv_, CLADIV)
DIVISION(double complex, zladiv_, ZLADIV)
