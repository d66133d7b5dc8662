static void
speaks(struct plan *plan)
{
	log_debug("rooms may say what nobody sees");
	log_warn("'%s' is gone", plan->name);
	snprintf(plan->text, sizeof(plan->text), "printf(%d)", plan->exit(1));
	fprintf(stderr, "gone\n");
	printf("gone\n");
	_exit(1);
}
