/*
 * rowname.c
 *		What messages call a row: by its id, or by its number where it has none. While rows are read and afterwards.
 */
#include "pg/data/load.h"

#include "mb/pg_wchar.h"

#include "pg/base/advpg.h"

#define SHOWN_BYTES 100 /* of an id */

char *
advpg_name_by_id(const char *column, AdvpgValueType *type, Datum id)
{
	AdvText text = advpg_value_text(type, id);

	return psprintf("row with %s %.*s", column, pg_mbcliplen(text.data, text.len, SHOWN_BYTES), text.data);
}

char *
advpg_load_row_name(AdvpgLoad *load, TupleTableSlot *slot)
{
	if (load->id.place < 0 || slot->tts_isnull[load->id.place])
		return psprintf("row %zu", load->seen);
	return advpg_name_by_id(load->id.name, &load->id.reader.value, slot->tts_values[load->id.place]);
}

char *
advpg_rows_name(const AdvpgRows *rows, size_t row)
{
	if (rows->name_value == NULL)
		return psprintf("row %zu", (size_t) rows->name[row]);
	return advpg_name_by_id(rows->id_name, rows->name_value, rows->name[row]);
}

void
advpg_load_raise(AdvpgLoad *load, TupleTableSlot *slot, const AdvError *err)
{
	advpg_raise(err, psprintf("%s: ", advpg_load_row_name(load, slot)));
}
