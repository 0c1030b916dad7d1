/*
 * columns.c
 *		Which columns of the data are read, and as what: label, id, attribute and features, found by name, checked by type.
 */
#include "pg/data/load.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static void
undefined_column(AdvpgLoad *load, const char *name)
{
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("column \"%s\" does not exist in data \"%s\"", name, load->source->name),
			load->source->desc->natts > 0
				? errhint("Its columns are %s.", advpg_list_columns(load->source->desc))
				: 0);
}

/* Add a column to the SELECT list; missing columns are an error. Returns its type. */
static Oid
choose(AdvpgLoad *load, AdvpgLoadColumn *column, const char *name, StringInfo select, int *place)
{
	int attno = advpg_find_column(load->source->desc, name);
	Form_pg_attribute attribute;

	if (attno == 0)
		undefined_column(load, name);
	attribute = TupleDescAttr(load->source->desc, attno - 1);
	column->name = pstrdup(name);
	column->place = (*place)++;
	advpg_reader_init(&column->reader, attribute->atttypid, attribute->attcollation);
	appendStringInfo(select, "%s data.%s", column->place ? "," : "SELECT", quote_identifier(name));
	return attribute->atttypid;
}

static void
check_listed_exist(AdvpgLoad *load, List *names)
{
	ListCell *cell;

	foreach (cell, names)
		if (advpg_find_column(load->source->desc, lfirst(cell)) == 0)
			undefined_column(load, lfirst(cell));
}

/* Names of the features: the encoder's columns, those listed, or all that are left. */
static List *
feature_names(AdvpgLoad *load)
{
	const AdvpgRowsSpec *spec = load->spec;
	TupleDesc desc = load->source->desc;
	List *names = NIL;

	if (spec->encoder)
	{
		for (int i = 0; i < spec->encoder->n_columns; i++)
			names = lappend(names, advpg_text_cstring(spec->encoder->columns[i].name));
		return names;
	}
	check_listed_exist(load, spec->features);
	check_listed_exist(load, spec->exclude);
	for (int i = 0; i < list_length(spec->features); i++)
	{
		const char *name = list_nth(spec->features, i);

		if (strcmp(name, spec->label) == 0)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("column \"%s\" cannot be both label and feature", name));
		if (advpg_is_listed(names, name))
			ereport(ERROR, errcode(ERRCODE_DUPLICATE_COLUMN), errmsg("feature \"%s\" is listed twice", name));
		if (!advpg_is_listed(spec->exclude, name))
			names = lappend(names, pstrdup(name));
	}
	for (int i = 0; spec->features == NIL && i < desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(desc, i)->attname);

		if (!TupleDescAttr(desc, i)->attisdropped && strcmp(name, spec->label) != 0 &&
			!(load->id.name && strcmp(name, load->id.name) == 0) && !advpg_is_listed(spec->exclude, name))
			names = lappend(names, pstrdup(name));
	}
	if (names == NIL)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("data \"%s\" has no column left to be a feature", load->source->name));
	if (list_length(names) > ADV_MAX_COLUMNS)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("more than %d features", ADV_MAX_COLUMNS));
	return names;
}

/* Whether a type such as pgvector's vector, which is numbers in a dress of its own, has a cast that takes it off. */
static bool
becomes_array(Oid type)
{
	Oid function;
	CoercionPathType path = find_coercion_pathway(FLOAT4ARRAYOID, type, COERCION_EXPLICIT, &function);

	return path == COERCION_PATH_FUNC || path == COERCION_PATH_RELABELTYPE;
}

/* What turns a column that cannot be a feature into one that can. */
static char *
remedy(const char *name, Oid type)
{
	TYPCATEGORY category = TypeCategory(type);

	if (category == TYPCATEGORY_DATETIME || category == TYPCATEGORY_TIMESPAN)
		return psprintf("make it a number in a query, such as extract(epoch FROM %s)",
						quote_identifier(name));
	return psprintf("cast it to %s in a query", becomes_array(type) ? "real[]" : "a number or to text");
}

/* Each feature's type must be one that can be a feature, and the one the encoder was fitted to. */
static void
check_feature(AdvpgLoad *load, const AdvpgFeature *f, int i, Oid type)
{
	int kind = f->column.reader.kind;

	if (kind == 0)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of type %s cannot be a feature", f->column.name, format_type_be(type)),
				errhint("Exclude it, name it by id if it tells rows apart, or %s.",
						remedy(f->column.name, type)));
	if (load->spec->encoder && load->spec->encoder->columns[i].kind != kind)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of type %s is %s, but the model was trained on %s", f->column.name,
					   format_type_be(type), advpg_kind_name(kind),
					   advpg_kind_name(load->spec->encoder->columns[i].kind)));
	if (kind == ADV_COLUMN_IMAGE && load->n_features > 1)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("image column \"%s\" cannot be combined with other features", f->column.name),
				errhint("List it alone in features, exclude it, or name it by id if it tells rows apart."));
	if (load->spec->encoder)
		return;
	if (kind == ADV_COLUMN_IMAGE && load->spec->input_shape.c == 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("image column \"%s\" needs input_shape", f->column.name),
				errhint("Give channels, height and width, as in input_shape => '{3,32,32}'."));
	if (kind != ADV_COLUMN_IMAGE && load->spec->input_shape.c > 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("input_shape is for an image column, but column \"%s\" has type %s", f->column.name,
					   format_type_be(type)),
				errhint("List the image column alone in features, or leave input_shape out."));
}

/* Images have nothing to fit: their encoder is known before the first row. */
static AdvEncoder *
image_encoder(AdvpgLoad *load)
{
	AdvShape shape = load->spec->input_shape;
	AdvEncoder *encoder = palloc0(sizeof(AdvEncoder));

	if ((double) shape.c * shape.h * shape.w > ADV_MAX_INPUTS)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("input_shape gives %.0f inputs, but at most %d are possible",
					   (double) shape.c * shape.h * shape.w, ADV_MAX_INPUTS));
	encoder->encoding = load->spec->encoding;
	encoder->unseen = load->spec->unseen;
	encoder->shape = shape;
	encoder->n_columns = 1;
	encoder->columns = palloc0(sizeof(AdvColumn));
	encoder->columns[0].name = advpg_cstring_text(load->features[0].column.name);
	encoder->columns[0].kind = ADV_COLUMN_IMAGE;
	encoder->columns[0].length = adv_shape_size(shape);
	return encoder;
}

/* The column ids come from: the one asked for, or the data's primary key; NULL: there is none. */
static const char *
id_column(AdvpgLoad *load)
{
	const AdvpgRowsSpec *spec = load->spec;

	if (spec->id && (spec->id_required || advpg_find_column(load->source->desc, spec->id) > 0))
		return spec->id;
	return load->source->primary_key;
}

static void
choose_id(AdvpgLoad *load, StringInfo select, int *place)
{
	const AdvpgRowsSpec *spec = load->spec;
	const char *name = id_column(load);

	load->id_type = INT8OID;
	if (name == NULL)
	{
		if (spec->want_ids && spec->id_type != INT8OID && spec->id_type != ANYELEMENTOID)
			ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("ids of data \"%s\" are row numbers of type bigint, not %s", load->source->name,
						   format_type_be(spec->id_type)),
					errhint(ADVPG_NAME_ID_HINT));
		return;
	}
	load->id_type = choose(load, &load->id, name, select, place);
	load->rows->id_name = load->id.name;
	load->rows->id_value = palloc(sizeof(AdvpgValueType));
	*load->rows->id_value = load->id.reader.value;
	if (load->id.reader.value.byval)
		load->rows->name_value = load->rows->id_value;
	if (!spec->want_ids)
		return;
	if (spec->id_type != ANYELEMENTOID)
	{
		advpg_idcast_init(&load->id_cast, name, &load->id.reader, load->id_type, spec->id_type);
		load->id_type = spec->id_type;
	}
	get_typlenbyval(load->id_type, &load->id_len, &load->id_byval);
	if (load->rows->name_value == NULL)
	{
		load->rows->name_value = palloc(sizeof(AdvpgValueType));
		advpg_value_type_init(load->rows->name_value, load->id_type, InvalidOid);
	}
}

char *
advpg_load_choose_columns(AdvpgLoad *load)
{
	const AdvpgRowsSpec *spec = load->spec;
	StringInfoData select;
	int place = 0;
	List *names;
	bool has_image = false;

	initStringInfo(&select);
	load->label.place = load->id.place = load->attribute.place = -1;
	if (spec->label && (spec->label_required || advpg_find_column(load->source->desc, spec->label)))
		(void) choose(load, &load->label, spec->label, &select, &place);
	choose_id(load, &select, &place);
	load->rows->id_type = load->id_type;
	if (spec->attribute)
		(void) choose(load, &load->attribute, spec->attribute, &select, &place);
	names = feature_names(load);
	load->n_features = list_length(names);
	load->features = palloc0(sizeof(AdvpgFeature) * load->n_features);
	load->rows->domain = palloc0(sizeof(uint8) * load->n_features);
	for (int i = 0; i < load->n_features; i++)
	{
		AdvpgFeature *f = &load->features[i];
		Oid type = choose(load, &f->column, list_nth(names, i), &select, &place);

		if (strlen(f->column.name) > ADV_MAX_NAME)
			elog(ERROR, "column name too long");
		check_feature(load, f, i, type);
		if (spec->encoder)
			advpg_reader_expect(&f->column.reader, &spec->encoder->columns[i]);
		advpg_dictionary_init(&f->images, load->context);
		load->rows->domain[i] = advpg_reader_domain(&f->column.reader);
		has_image |= f->column.reader.kind == ADV_COLUMN_IMAGE;
	}
	if (spec->encoder)
		advpg_load_set_encoder(load, unconstify(AdvEncoder *, spec->encoder));
	else if (has_image)
		advpg_load_set_encoder(load, image_encoder(load));
	appendStringInfo(&select, " FROM %s", load->source->from);
	return select.data;
}
