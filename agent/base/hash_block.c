#include "base/hash_block.h"

/* The round constants of FIPS 180-4, section 4.2.2, aligned for vector loads. */
static const uint32_t k[64] __attribute__((aligned(16), unused)) = {
    0x428a2f98,
    0x71374491,
    0xb5c0fbcf,
    0xe9b5dba5,
    0x3956c25b,
    0x59f111f1,
    0x923f82a4,
    0xab1c5ed5,
    0xd807aa98,
    0x12835b01,
    0x243185be,
    0x550c7dc3,
    0x72be5d74,
    0x80deb1fe,
    0x9bdc06a7,
    0xc19bf174,
    0xe49b69c1,
    0xefbe4786,
    0x0fc19dc6,
    0x240ca1cc,
    0x2de92c6f,
    0x4a7484aa,
    0x5cb0a9dc,
    0x76f988da,
    0x983e5152,
    0xa831c66d,
    0xb00327c8,
    0xbf597fc7,
    0xc6e00bf3,
    0xd5a79147,
    0x06ca6351,
    0x14292967,
    0x27b70a85,
    0x2e1b2138,
    0x4d2c6dfc,
    0x53380d13,
    0x650a7354,
    0x766a0abb,
    0x81c2c92e,
    0x92722c85,
    0xa2bfe8a1,
    0xa81a664b,
    0xc24b8b70,
    0xc76c51a3,
    0xd192e819,
    0xd6990624,
    0xf40e3585,
    0x106aa070,
    0x19a4c116,
    0x1e376c08,
    0x2748774c,
    0x34b0bcb5,
    0x391c0cb3,
    0x4ed8aa4a,
    0x5b9cca4f,
    0x682e6ff3,
    0x748f82ee,
    0x78a5636f,
    0x84c87814,
    0x8cc70208,
    0x90befffa,
    0xa4506ceb,
    0xbef9a3f7,
    0xc67178f2,
};

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

int
sha256_cpu_has(void)
{
	unsigned int a, b, c, d;
	int ssse3_and_sse41;

	if (__get_cpuid(1, &a, &b, &c, &d) == 0) {
		return 0;
	}
	ssse3_and_sse41 = (c & bit_SSSE3) != 0 && (c & bit_SSE4_1) != 0;
	return ssse3_and_sse41 && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

/*
 * The instructions want the state as the two halves ABEF and CDGH, four message words in a vector, and do two rounds each. 'w' is a
 * ring of the last sixteen words; the schedule runs one vector ahead of the rounds.
 */
__attribute__((target("sha,sse4.1"))) static void
one_block(__m128i half[2], const unsigned char *bytes)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i abef = half[0], cdgh = half[1];
	__m128i w[4];

	for (int i = 0; i < 4; i++) {
		w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(bytes + 16 * i)), big_endian);
	}
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++) {
		__m128i now = w[i % 4];
		__m128i sum = _mm_add_epi32(now, _mm_load_si128((const __m128i *)(const void *)(k + 4 * i)));

		half[1] = _mm_sha256rnds2_epu32(half[1], half[0], sum);
		half[0] = _mm_sha256rnds2_epu32(half[0], half[1], _mm_shuffle_epi32(sum, 0x0e));
		if (i < 12) {
			/* W[t] = s1(W[t-2]) + W[t-7] + s0(W[t-15]) + W[t-16]: four at a time. */
			__m128i last = w[(i + 3) % 4];
			__m128i seven_back = _mm_alignr_epi8(last, w[(i + 2) % 4], 4);
			__m128i partial = _mm_add_epi32(_mm_sha256msg1_epu32(now, w[(i + 1) % 4]), seven_back);

			w[i % 4] = _mm_sha256msg2_epu32(partial, last);
		}
	}
	half[0] = _mm_add_epi32(half[0], abef);
	half[1] = _mm_add_epi32(half[1], cdgh);
}

__attribute__((target("sha,sse4.1"))) static void
all_blocks(uint32_t state[8], const unsigned char *bytes, size_t blocks)
{
	/* DCBA and HGFE in memory order, rearranged to ABEF and CDGH and back. */
	__m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)state), 0xb1);
	__m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(state + 4)), 0x1b);
	__m128i half[2] = {_mm_alignr_epi8(badc, efgh, 8), _mm_blend_epi16(efgh, badc, 0xf0)};

	for (; blocks > 0; blocks--, bytes += 64) {
		one_block(half, bytes);
	}

	__m128i feba = _mm_shuffle_epi32(half[0], 0x1b);
	__m128i dchg = _mm_shuffle_epi32(half[1], 0xb1);

	_mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

#elif defined(__aarch64__)

#include <arm_neon.h>
#include <sys/auxv.h>

/* HWCAP_SHA2 of the kernel's arm64 headers. */
enum { CPU_SHA2 = 1 << 6 };

int
sha256_cpu_has(void)
{
	return (getauxval(AT_HWCAP) & CPU_SHA2) != 0;
}

/* gcc 12 lends its SHA intrinsics only to "+crypto", which is AES beside SHA; of AES nothing is used. */
__attribute__((target("+crypto"))) static void
one_block(uint32x4_t half[2], const unsigned char *bytes)
{
	uint32x4_t abcd = half[0], efgh = half[1];
	uint32x4_t w[4];

	for (int i = 0; i < 4; i++) {
		w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(bytes + 16 * i)));
	}
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++) {
		uint32x4_t sum = vaddq_u32(w[i % 4], vld1q_u32(k + 4 * i));
		uint32x4_t before = half[0];

		half[0] = vsha256hq_u32(half[0], half[1], sum);
		half[1] = vsha256h2q_u32(half[1], before, sum);
		if (i < 12) {
			w[i % 4] =
			    vsha256su1q_u32(vsha256su0q_u32(w[i % 4], w[(i + 1) % 4]), w[(i + 2) % 4], w[(i + 3) % 4]);
		}
	}
	half[0] = vaddq_u32(half[0], abcd);
	half[1] = vaddq_u32(half[1], efgh);
}

__attribute__((target("+crypto"))) static void
all_blocks(uint32_t state[8], const unsigned char *bytes, size_t blocks)
{
	uint32x4_t half[2] = {vld1q_u32(state), vld1q_u32(state + 4)};

	for (; blocks > 0; blocks--, bytes += 64) {
		one_block(half, bytes);
	}
	vst1q_u32(state, half[0]);
	vst1q_u32(state + 4, half[1]);
}

#else

int
sha256_cpu_has(void)
{
	return 0;
}

static void
all_blocks(uint32_t state[8], const unsigned char *bytes, size_t blocks)
{
	(void)state;
	(void)bytes;
	(void)blocks;
}

#endif

int
sha256_blocks_by_cpu(uint32_t state[8], const unsigned char *bytes, size_t blocks)
{
	if (!sha256_cpu_has()) {
		return -1;
	}
	all_blocks(state, bytes, blocks);
	return 0;
}
