/*
 * block.h
 *		A block of sums in registers: the innermost loop of product.c, which includes this once for each length of vectors
 *		that processors have, with LANES set to it.
 *
 * (A vector of 16 on registers of 8 lanes would do, had compilers not been seen to keep it in memory.)
 */
#define PASTE(a, b)   a##b
#define NAME(name, n) PASTE(name, n)
#define Lanes         NAME(Lanes_, LANES)
#define LooseLanes    NAME(LooseLanes_, LANES)
#define MOST_ROWS     12
#define MOST_VECTORS  8

typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef float LooseLanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

/* rows x vectors sums from sum m and column n on; both sizes are constants. */
ADV_LOOP void
NAME(block_, LANES)(int rows, int vectors, const AdvProduct *p, int m, int n)
{
	const float *a_line = p->a + (size_t) m * p->a_m;
	const float *b_line = p->b + (size_t) n * ADV_VECTOR;
	float *c = p->c + (size_t) m * p->c_m + (size_t) n * ADV_VECTOR;
	Lanes sum[MOST_ROWS][MOST_VECTORS];

	EACH (i, rows)
	{
		EACH (j, vectors)
			sum[i][j] = (Lanes){0};
	}
	for (int s = 0; s < p->s; s++, a_line += p->a_s, b_line += p->b_s)
	{
		const float *a = a_line;
		const float *b = b_line;

		for (int k = 0; k < p->k; k++, a += p->a_k, b += p->b_k)
		{
			Lanes factor[MOST_VECTORS];

			EACH (j, vectors)
				factor[j] = *(const LooseLanes *) (b + j * LANES);
			EACH (i, rows)
			{
				EACH (j, vectors)
					sum[i][j] += a[(size_t) i * p->a_m] * factor[j];
			}
		}
	}
	EACH (i, rows)
	{
		EACH (j, vectors)
		{
			LooseLanes *to = (LooseLanes *) (c + (size_t) i * p->c_m + j * LANES);

			if (p->add)
				sum[i][j] += *to;
			*to = sum[i][j];
		}
	}
}

/* The vectors sums of the first row from column n on, of the factors number index[0 .. count - 1] of its only line. */
ADV_LOOP void
NAME(listed_, LANES)(int vectors, const AdvProduct *p, const int *index, int count, int n)
{
	const float *b_line = p->b + (size_t) n * ADV_VECTOR;
	float *c = p->c + (size_t) n * ADV_VECTOR;
	Lanes sum[MOST_VECTORS];

	EACH (j, vectors)
		sum[j] = (Lanes){0};
	for (int i = 0; i < count; i++)
	{
		float a = p->a[(size_t) index[i] * p->a_k];
		const float *b = b_line + (size_t) index[i] * p->b_k;

		EACH (j, vectors)
			sum[j] += a * *(const LooseLanes *) (b + j * LANES);
	}
	EACH (j, vectors)
	{
		LooseLanes *to = (LooseLanes *) (c + j * LANES);

		if (p->add)
			sum[j] += *to;
		*to = sum[j];
	}
}

#undef PASTE
#undef NAME
#undef Lanes
#undef LooseLanes
#undef MOST_ROWS
#undef MOST_VECTORS
