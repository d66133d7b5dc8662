static void
speaks(void)
{
	log_info("the hall may");
}
